-- The version that judged each program in the pass before.
SELECT DISTINCT version
FROM pql.tiers
ORDER BY version;
