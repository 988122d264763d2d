from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [migrations.CreateModel("Title", [("id", models.BigAutoField(primary_key=True)), ("isbn", models.CharField(max_length=13, unique=True)), ("name", models.TextField()), ("copies", models.IntegerField(default=1))])]
