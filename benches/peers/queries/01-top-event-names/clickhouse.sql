SELECT e.eventName AS name, count() AS n FROM peers.events GROUP BY name ORDER BY n DESC, name
