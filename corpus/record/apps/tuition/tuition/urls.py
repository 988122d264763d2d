from django.urls import path

from fees import views

urlpatterns = [path("healthz", views.healthz), path("tariffs", views.tariffs)]
