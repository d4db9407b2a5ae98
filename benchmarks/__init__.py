"""Speed, measured: `python -m benchmarks.rnn_grad` times gradients of a recurrent network, engine beside engine."""

import os

# One thread for everybody. NumPy's BLAS reads these once, when NumPy is imported, so it stands here.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
