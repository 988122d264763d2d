from django.db import models


class Tariff(models.Model):
    code = models.CharField(max_length=20, unique=True)
    cents = models.BigIntegerField()
