"""The control plane's doors: HTTP in, service call, HTTP out."""
