AUDIT (
  name each_message_once
);

SELECT
  COUNT(*) AS messages,
  COUNT(DISTINCT message_id) AS different_messages
FROM @this_model
HAVING
  COUNT(*) <> COUNT(DISTINCT message_id)
