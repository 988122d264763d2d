require 'logger'
require 'json'
require 'sequel'
require 'socket'

$stdout.sync = true
LOG = Logger.new($stdout, progname: 'tickets')
LOG.info "tickets 3.2 on ruby #{RUBY_VERSION}, store #{ENV['TICKETS_DB'].to_s.sub(/:[^:@\/]+@/, ':***@')}"

begin
  require 'yajl'
rescue LoadError => e
  LOG.warn "fast JSON not available (#{e.message})"
end

begin
  Socket.tcp('127.0.0.1', 2003, connect_timeout: 0.5) { |s| s.puts "tickets.boot 1 #{Time.now.to_i}" }
rescue SystemCallError => e
  LOG.warn "graphite: #{e.message}"
end

DB = Sequel.connect(ENV.fetch('TICKETS_DB'), max_connections: 2, connect_timeout: 5, loggers: [], keep_reference: false)
LOG.info "#{DB[:event].count} events on sale"

Tickets = lambda do |env|
  env['PATH_INFO'] == '/up' ? [200, { 'Content-Type' => 'text/plain' }, ['ok']] : [404, {}, []]
end
