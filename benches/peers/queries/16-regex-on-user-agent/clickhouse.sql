SELECT e.eventSource AS source, count() AS n FROM peers.events WHERE match(e.userAgent, 'aws-cli/2\\.(1[0-9]|2[0-9])\\.')
GROUP BY source ORDER BY n DESC, source
