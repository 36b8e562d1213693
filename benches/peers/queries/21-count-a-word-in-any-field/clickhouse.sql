SELECT count() AS n FROM peers.events WHERE arrayExists(value -> position(value, '{{word}}') > 0, JSONAllValues(e))
