from django.http import JsonResponse

from .rates import TARIFFS


def healthz(request):
    request.get_host()
    return JsonResponse({"ok": True})


def tariffs(request):
    return JsonResponse(TARIFFS)
