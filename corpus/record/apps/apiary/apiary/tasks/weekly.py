def weekly(week): return week
