"""The console: shows what pipelines do and why. Facts become views without I/O; `kafka` and `web` are its edges."""
