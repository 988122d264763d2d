require 'sidekiq'

Sidekiq.configure_server do |config|
  config.redis = { url: ENV.fetch('COURIERS_REDIS'), network_timeout: 5 }
  config.on(:startup) do
    n = Sidekiq.redis { |r| r.incr('couriers:boots') }
    Sidekiq.logger.info "courier book opened, boot no. #{n}"
  end
end

begin
  require 'geocoder'
rescue LoadError => e
  Sidekiq.logger.warn "addresses are not geocoded: #{e.message}"
end

class Assign
  include Sidekiq::Worker
  sidekiq_options queue: 'rides'

  def perform(ride) = logger.info("ride #{ride} assigned")
end
