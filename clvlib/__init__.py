"""Customer value, from a transaction log to a decision: the chapters in ``notebooks/`` import from here."""

import os

# TensorFlow writes to stderr while its library loads; both must be set before that, wherever it happens.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
