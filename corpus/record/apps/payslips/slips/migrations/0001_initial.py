from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Employee", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=120)), ("iban", models.CharField(max_length=34, null=True))]),
        migrations.CreateModel("Payslip", [("id", models.BigAutoField(primary_key=True)), ("month", models.DateField()), ("checksum", models.CharField(max_length=64, null=True)),
                                           ("employee", models.ForeignKey("slips.Employee", on_delete=models.PROTECT))]),
    ]
