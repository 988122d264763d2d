from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("slips", "0001_initial")]
    operations = [migrations.AlterField("Employee", "iban", models.CharField(max_length=34))]
