SELECT toStartOfHour(e.eventTime) AS t, count() AS n FROM peers.events GROUP BY t ORDER BY t
