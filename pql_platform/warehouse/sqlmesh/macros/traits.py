"""The latest known value of each trait, whatever call brought it."""

from sqlmesh import macro


@macro()
def latest_traits(evaluator, relation, key, call, traits):
    """One row per key with a column per trait: the last value that was not empty.

    Ties in time are decided by the message id, so that the order of arrival changes nothing.
    """
    relation, key = relation.sql("duckdb"), key.sql("duckdb")
    names = [trait.this for trait in traits.expressions]
    values = " UNION ALL ".join(
        f"""
        SELECT {key}, '{name}' AS trait, JSON_EXTRACT_STRING(traits, '$.{name}') AS value,
          occurred_at, message_id
        FROM {relation}
        WHERE type = '{call.this}' AND NOT {key} IS NULL
        """
        for name in names
    )
    columns = ", ".join(
        f"MAX(CASE WHEN trait = '{name}' THEN value END) AS {name}" for name in names
    )
    return f"""
        SELECT {key}, {columns}
        FROM (
          SELECT {key}, trait, value,
            ROW_NUMBER() OVER (
              PARTITION BY {key}, trait ORDER BY occurred_at DESC, message_id DESC
            ) AS position
          FROM ({values}) AS given
          WHERE NOT value IS NULL AND value <> ''
        ) AS ranked
        WHERE position = 1
        GROUP BY {key}
    """
