# Room bookings over HTTP.
require 'sinatra/base'
require_relative 'lib/store'
require_relative 'lib/telemetry'

$stdout.sync = true

class Bookings < Sinatra::Base
  set :environment, :production
  set :host_authorization, permitted_hosts: []
  puts 'bookings 1.14.0 loading'
  Telemetry.start
  STORE = Store.new(ENV.fetch('BOOKINGS_DB'))
  puts "rooms known: #{STORE.rooms}"

  get('/up') { 'ok' }
end
