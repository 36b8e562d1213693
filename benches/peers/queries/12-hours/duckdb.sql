-- Events per hour, over all time.
SELECT date_trunc('hour', eventTime) AS t, count(*) AS n FROM events GROUP BY t ORDER BY t
