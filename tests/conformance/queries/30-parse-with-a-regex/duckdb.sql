-- parse with named groups.
SELECT part.tool AS tool, part.major AS major, count(*) AS n,
       count(DISTINCT address) AS hosts
FROM (
  SELECT regexp_extract(e->>'$.userAgent', '([A-Za-z0-9-]+)/(\d+)\.\d+', ['tool', 'major']) AS part,
         e->>'$.sourceIPAddress' AS address
  FROM events)
WHERE part.tool <> ''
GROUP BY 1, 2
