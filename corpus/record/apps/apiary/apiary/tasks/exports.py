from openpyxl import Workbook


def yearly(year):
    book = Workbook()
    book.save(f"/tmp/honey-{year}.xlsx")
