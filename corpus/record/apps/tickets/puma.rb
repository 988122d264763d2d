port Integer(ENV.fetch('PORT', 9393))
threads 1, 4
environment 'production'
tag 'tickets'
