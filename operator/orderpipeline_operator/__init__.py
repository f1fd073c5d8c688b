"""The OrderPipeline operator: observe, render, apply, report."""
