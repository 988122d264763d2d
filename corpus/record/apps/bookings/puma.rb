port Integer(ENV.fetch('PORT', '9292'))
threads 1, 4
workers Integer(ENV.fetch('WEB_CONCURRENCY', '0'))
preload_app! if ENV.fetch('WEB_CONCURRENCY', '0') != '0'
