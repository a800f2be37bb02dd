"""What every test and every kernel it starts needs: a quiet TensorFlow, one thread, one time zone."""

import os
import time

# Before any import of TensorFlow, and inherited by the kernels that nbval and the reports start.
os.environ.update(
    TF_CPP_MIN_LOG_LEVEL="3",
    TF_ENABLE_ONEDNN_OPTS="0",
    CUDA_VISIBLE_DEVICES="-1",
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    PYTHONHASHSEED="0",
    TZ="UTC",
    MPLBACKEND="agg",
)
time.tzset()
