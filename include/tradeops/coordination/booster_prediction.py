"""Trained boosters, read through LightGBM's C interface: importing its Python package takes seconds."""

import ctypes
import importlib.util
import weakref
from functools import cache
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from tradeops.domain.errors import ConfigurationError, CoordinationError, CorruptInput
from tradeops.domain.market import FloatArray

# Values of LightGBM's c_api.h.
_FLOAT64, _ROW_MAJOR, _VALUES, _ALL_ITERATIONS = 1, 1, 0, -1
_PARAMETERS = b"num_threads=1 verbosity=-1"
# Up to here row by row is faster than the set-up of a call for a matrix.
FEW_ROWS = 8


class Booster:
    """One booster; belongs to one thread of one process, and is freed with its object or by `close`.

    Nothing is shared with a forked child: load it there from its text.

    Args:
        text: As `lightgbm.Booster.model_to_string` writes it.
        inputs: F, numbers a row.

    Raises:
        CorruptInput: The text is no booster of F inputs.
        ConfigurationError: LightGBM's library cannot be loaded.
    """

    def __init__(self, text: str, inputs: int) -> None:
        library = _load_library()
        handle, fast = ctypes.c_void_p(), ctypes.c_void_p()
        iterations, found = ctypes.c_int(), ctypes.c_int()
        _check(library.LGBM_BoosterLoadModelFromString(text.encode(), ctypes.byref(iterations), ctypes.byref(handle)))
        self._free = weakref.finalize(self, _free, library, fast, handle)
        _check(library.LGBM_BoosterGetNumFeature(handle, ctypes.byref(found)))
        if found.value != inputs:
            raise CorruptInput(f"booster has {found.value} inputs, its header says {inputs}")
        _check(
            library.LGBM_BoosterPredictForMatSingleRowFastInit(
                handle, _VALUES, 0, _ALL_ITERATIONS, _FLOAT64, inputs, _PARAMETERS, ctypes.byref(fast)
            )
        )
        self._inputs, self._handle, self._library = inputs, handle, library
        self._row, self._value = np.zeros(inputs), np.zeros(1)
        self._length = ctypes.c_int64()
        self._call_row = library.LGBM_BoosterPredictForMatSingleRowFast
        self._arguments = (fast, _address(self._row), ctypes.byref(self._length), _address(self._value))

    def predict(self, rows: FloatArray) -> FloatArray:
        """One number a row, the very bits of `lightgbm.Booster.predict`.

        Args:
            rows: (M, F) float64; NaN is a missing value.

        Raises:
            CoordinationError: The rows are not F wide, or the booster is closed.
        """
        if rows.ndim != 2 or rows.shape[1] != self._inputs or not self._free.alive:  # noqa: PLR2004
            raise CoordinationError(f"rows of shape {rows.shape} do not fit an open booster of {self._inputs} inputs")
        return self._predict_each(rows) if len(rows) <= FEW_ROWS else self._predict_all(rows)

    def close(self) -> None:
        """Give the memory back; harmless when repeated."""
        self._free()

    def _predict_each(self, rows: FloatArray) -> FloatArray:
        values = np.empty(len(rows))
        for number in range(len(rows)):
            self._row[:] = rows[number]
            if self._call_row(*self._arguments):
                _check(-1)
            values[number] = self._value[0]
        return values

    def _predict_all(self, rows: FloatArray) -> FloatArray:
        matrix, values = np.ascontiguousarray(rows, dtype=np.float64), np.empty(len(rows))
        _check(
            self._library.LGBM_BoosterPredictForMat(
                self._handle,
                _address(matrix),
                _FLOAT64,
                ctypes.c_int32(len(matrix)),
                ctypes.c_int32(self._inputs),
                _ROW_MAJOR,
                _VALUES,
                0,
                _ALL_ITERATIONS,
                _PARAMETERS,
                ctypes.byref(self._length),
                _address(values),
            )
        )
        return values


@cache
def _load_library() -> ctypes.CDLL:
    spec = importlib.util.find_spec("lightgbm")
    folders = spec.submodule_search_locations if spec else None
    found = sorted(Path(folders[0], "lib").glob("lib_lightgbm.*")) if folders else []
    if not found:
        raise ConfigurationError("LightGBM's library is not installed; install the locked environment")
    try:
        library = ctypes.CDLL(str(found[0]))
    except OSError as error:
        raise ConfigurationError(f"LightGBM's library cannot be loaded, install libgomp1: {error}") from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    # It brings OpenMP with it, after the process was held to one thread; a cycle runs on one alone.
    threadpool_limits(limits=1, user_api="openmp")
    return library


def _address(column: FloatArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(column.ctypes.data)


def _check(code: int) -> None:
    if code:
        reason = _load_library().LGBM_GetLastError().decode(errors="replace")
        raise CorruptInput(f"LightGBM refuses a booster: {reason}")


def _free(library: ctypes.CDLL, fast: ctypes.c_void_p, handle: ctypes.c_void_p) -> None:
    if fast:
        library.LGBM_FastConfigFree(fast)
    library.LGBM_BoosterFree(handle)
