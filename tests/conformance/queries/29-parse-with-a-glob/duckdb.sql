-- parse with asterisks; what does not match stays, without the new fields.
SELECT nullif(part.service, '') AS service, nullif(part.account, '') AS account,
       nullif(part.kind, '') AS kind, count(*) AS n, count(DISTINCT nullif(part.name, '')) AS names
FROM (
  SELECT regexp_extract(e->>'$.userIdentity.arn', 'arn:aws:(.*?)::(.*?):(.*?)/(.*)$',
                        ['service', 'account', 'kind', 'name']) AS part
  FROM events WHERE (e->>'$.userIdentity.arn') IS NOT NULL)
GROUP BY 1, 2, 3
