"""The report of the newest decisions, one click from the menu, and a run's own, one click from the run."""

from airflow.plugins_manager import AirflowPlugin

from tradeops.entrypoints.airflow.report_page import make_report_page


class ReportPlugin(AirflowPlugin):
    """Registers the page and the links to it."""

    name = "tradeops_report"
    fastapi_apps = [  # noqa: RUF012 - the attribute's type is Airflow's
        {"app": make_report_page(), "url_prefix": "/tradeops", "name": "tradeops reports"}
    ]
    external_views = [  # noqa: RUF012
        {"name": "Trading report", "href": "/tradeops/report", "destination": "nav", "url_route": "trading-report"},
        {
            "name": "Report",
            "href": "/tradeops/report?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "report",
        },
    ]
