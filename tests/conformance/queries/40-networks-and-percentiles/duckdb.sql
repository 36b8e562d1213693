-- Addresses in networks, some of the field's values being no addresses; percentiles.
SELECT e->>'$.userIdentity.type' AS type, count(*) AS n,
       count(DISTINCT e->>'$.sourceIPAddress') AS addresses,
       quantile_disc((e->>'$.requestParameters.durationSeconds')::DOUBLE, 0.25) AS short,
       quantile_disc((e->>'$.requestParameters.durationSeconds')::DOUBLE, 1.0) AS long
FROM events
WHERE regexp_matches(e->>'$.sourceIPAddress', '^10\.8\.\d+\.\d+$')
   OR try_cast(regexp_extract(e->>'$.sourceIPAddress', '^203\.0\.113\.(\d+)$', 1) AS INT)
      BETWEEN 128 AND 255
   OR (e->>'$.requestParameters.durationSeconds')::DOUBLE >= 900
GROUP BY 1
