bind = "0.0.0.0:8090"
workers = 1
accesslog = "-"
timeout = 30
