"""What `make run` starts: Airflow's processes, watched, and the pipeline through them."""
