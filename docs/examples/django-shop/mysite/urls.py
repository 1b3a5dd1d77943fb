"""The addresses of the shop."""

from django.contrib import admin
from django.urls import path
from shop.views import cancel, orders

urlpatterns = [
    path("admin/", admin.site.urls),
    path("orders", orders),
    path("orders/<str:number>/cancel", cancel),
]
