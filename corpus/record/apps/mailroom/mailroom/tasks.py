from .app import app


@app.task
def send_letter(address, template):
    return f"{template} -> {address}"


@app.task
def send_mail(to, subject):
    return True
