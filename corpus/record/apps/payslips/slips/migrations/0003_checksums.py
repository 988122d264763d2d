import hashlib, logging
from django.db import migrations

log = logging.getLogger("slips.checksums")


def fill(apps, schema_editor):
    Payslip = apps.get_model("slips", "Payslip")
    todo = Payslip.objects.filter(checksum=None)
    n = todo.count()
    for i, p in enumerate(todo.order_by("pk").iterator(), 1):
        p.checksum = hashlib.pbkdf2_hmac("sha256", f"{p.employee_id}/{p.month}".encode(), b"payslip", 20000).hex()
        p.save(update_fields=["checksum"])
        if i % 200 == 0:
            log.info("%d of %d payslips have their checksum", i, n)


class Migration(migrations.Migration):
    dependencies = [("slips", "0002_iban_required")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
