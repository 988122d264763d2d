from django.db import models
from django.utils.translation import gettext_lazy as _


class Employee(models.Model):
    name = models.CharField(_("name"), max_length=120)
    iban = models.CharField(_("IBAN"), max_length=34)


class Payslip(models.Model):
    employee = models.ForeignKey(Employee, on_delete=models.PROTECT)
    month = models.DateField(_("month"))
    checksum = models.CharField(max_length=64, null=True)
