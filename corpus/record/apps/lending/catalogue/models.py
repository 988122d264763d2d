from django.db import models


class Title(models.Model):
    isbn = models.CharField(max_length=13, unique=True)
    name = models.TextField()
    copies = models.IntegerField(default=1)
