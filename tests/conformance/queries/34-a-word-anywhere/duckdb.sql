-- Words in any value, in any case of letters, whole; a phrase; a word that must not be.
WITH texts AS (
  SELECT events.rowid AS id, node.atom->>'$' AS text
  FROM events, json_tree(e) AS node WHERE node.atom IS NOT NULL
), words AS (
  SELECT id,
         bool_or(regexp_matches(text, '(?i)(^|[^\pL\pN])backdoor($|[^\pL\pN])')) AS word,
         bool_or(regexp_matches(text, '(?i)(^|[^\pL\pN])user/bert-jan($|[^\pL\pN])')) AS phrase,
         bool_or(regexp_matches(text, '(?i)(^|[^\pL\pN])(listrolepolicies|hashi)($|[^\pL\pN])')) AS unwanted
  FROM texts GROUP BY id
)
SELECT e->>'$.eventSource' AS eventSource, e->>'$.eventName' AS eventName,
       e->>'$.errorCode' AS errorCode, count(*) AS n
FROM events JOIN words ON events.rowid = words.id
WHERE word AND phrase AND NOT unwanted
GROUP BY 1, 2, 3
