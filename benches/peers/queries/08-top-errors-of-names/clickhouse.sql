SELECT e.eventName AS name, e.errorCode AS error, count() AS n FROM peers.events WHERE e.errorCode != ''
GROUP BY name, error ORDER BY n DESC, name, error LIMIT 20
