-- The contract's rules as far as SQL can say them; duck.py sets the files, and copies the last views to Parquet.
CREATE MACRO typed(doc, path, kind) AS coalesce(json_type(doc, path), 'NULL') = kind;
CREATE MACRO maybe(doc, path, kind) AS coalesce(json_type(doc, path), kind) = kind;
CREATE MACRO id_or_none(doc, path) AS
    maybe(doc, path, 'VARCHAR') AND (json_type(doc, path) IS NULL OR regexp_full_match(json_extract_string(doc, path), '[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}'));
CREATE MACRO an_id(doc, path) AS typed(doc, path, 'VARCHAR') AND id_or_none(doc, path);
CREATE MACRO money_or_none(doc, path) AS json_type(doc, path) IS NULL
    OR (json_type(doc, path) IN ('VARCHAR', 'DOUBLE', 'UBIGINT') AND regexp_full_match(json_extract_string(doc, path), '[0-9]{1,29}([.][0-9]{1,9})?'));
CREATE MACRO currency_or_none(doc, path) AS
    maybe(doc, path, 'VARCHAR') AND (json_type(doc, path) IS NULL OR regexp_full_match(json_extract_string(doc, path), '[A-Z]{3}'));
CREATE MACRO a_quantity(doc, path) AS coalesce(json_type(doc, path), '') = 'UBIGINT' AND TRY_CAST(json_extract_string(doc, path) AS BIGINT) >= 1;
CREATE MACRO uuid_text(text) AS regexp_full_match(text, '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}');
CREATE MACRO one_time(text) AS regexp_full_match(text, '[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])');
CREATE MACRO instant(text) AS TRY_CAST(regexp_replace(text, '([.][0-9]{6})[0-9]+', '\1') AS TIMESTAMPTZ);
CREATE MACRO keys_once(doc) AS len(json_keys(doc)) = len(list_distinct(list_transform(json_keys(doc), lambda k: lower(k))));
CREATE MACRO cut_time(text) AS coalesce(regexp_matches(text, '[.][0-9]{7}'), false);

CREATE TEMP TABLE contract AS SELECT * FROM (VALUES
    ('order.created', 'order-service', 'orders', 'orderId', ['orderId', 'customerId', 'items', 'currency', 'totalAmount', 'status']),
    ('order.updated', 'order-service', 'orders', 'orderId', ['orderId', 'status', 'items', 'currency', 'totalAmount']),
    ('order.completed', 'order-service', 'orders', 'orderId', ['orderId', 'completedAt']),
    ('customer.registered', 'customer-service', 'customers', 'customerId', ['customerId', 'name', 'email', 'phone', 'country', 'type', 'status']),
    ('customer.updated', 'customer-service', 'customers', 'customerId', ['customerId', 'name', 'email', 'phone', 'country', 'type', 'status']),
    ('inventory.reserved', 'inventory-service', 'inventory', 'sku', ['sku', 'quantity', 'orderId', 'reservationId', 'warehouseId']),
    ('inventory.released', 'inventory-service', 'inventory', 'sku', ['sku', 'quantity', 'orderId', 'reservationId', 'warehouseId']),
    ('payment.processed', 'payment-service', 'orders', 'paymentId', ['paymentId', 'orderId', 'amount', 'currency']),
    ('payment.failed', 'payment-service', 'orders', 'paymentId', ['paymentId', 'orderId', 'amount', 'currency', 'reason']),
    ('iot.telemetry', 'iot-gateway', 'iot-events', 'deviceId', ['deviceId', 'metric', 'value', 'unit'])
) AS t(event_type, source, topic, entity, known);

CREATE TEMP TABLE event AS
WITH line AS (
    SELECT topic, messageId AS message_id, instant(publishTime) AS publish_time, TRY(decode(TRY(from_base64(data)))) AS came
    FROM read_json(getvariable('files'), format = 'newline_delimited', ignore_errors = true, maximum_object_size = 16777216,
        columns = {'topic': 'VARCHAR', 'messageId': 'VARCHAR', 'publishTime': 'VARCHAR', 'attributes': 'JSON', 'data': 'VARCHAR'})
    WHERE messageId IS NOT NULL AND publishTime IS NOT NULL AND attributes IS NOT NULL
), text AS (
    SELECT *, starts_with(came, chr(65279)) AS bom, ltrim(came, chr(65279)) AS doc
    FROM line WHERE came IS NOT NULL AND strlen(came) <= 1048576
), object AS (
    SELECT *, json_extract_string(doc, ['$.eventId', '$.eventType', '$.eventTime', '$.source', '$.metadata.correlationId', '$.metadata.causationId', '$.dataContentType']) AS f,
        json_extract(doc, '$.data') AS data
    FROM text
    WHERE json_valid(doc) AND NOT regexp_matches(doc, ',[ \t\r\n]*[}\]]') AND NOT regexp_matches(doc, '(?i)[:\[,][ ]*-?(nan|inf)')
        AND NOT regexp_matches(doc, '[:\[,][ ]*-?[0-9.]+[eE][+-]?[0-9]{3}') AND NOT regexp_matches(doc, '([\[{][^\[\]{}]*){61}')
        AND json_type(doc) = 'OBJECT' AND keys_once(doc)
        AND typed(doc, '$.eventId', 'VARCHAR') AND typed(doc, '$.eventType', 'VARCHAR') AND typed(doc, '$.eventTime', 'VARCHAR')
        AND typed(doc, '$.source', 'VARCHAR') AND typed(doc, '$.data', 'OBJECT') AND typed(doc, '$.metadata', 'OBJECT')
        AND typed(doc, '$.metadata.correlationId', 'VARCHAR') AND coalesce(json_type(doc, '$.metadata.causationId'), 'NULL') IN ('NULL', 'VARCHAR')
        AND maybe(doc, '$.dataContentType', 'VARCHAR')
)
SELECT lower(f[1]) AS event_id, event_type, instant(f[3]) AS event_time, o.topic, source, json_extract_string(data, entity) AS entity_id,
    lower(f[5]) AS correlation_id, lower(f[6]) AS causation_id, data, doc, message_id, publish_time, o.bom, f[3] AS time_text, known,
    list_filter(json_keys(doc), lambda k: k NOT IN ('eventId', 'eventType', 'eventTime', 'source', 'data', 'metadata', 'dataContentType')) AS unknown
FROM object AS o JOIN contract AS c ON c.event_type = f[2] AND c.source = f[4] AND c.topic = o.topic
WHERE uuid_text(f[1]) AND uuid_text(f[5]) AND (f[6] IS NULL OR uuid_text(f[6])) AND one_time(f[3]) AND instant(f[3]) IS NOT NULL
    AND (f[7] IS NULL OR regexp_full_match(f[7], '(?i)application/json[ \t]*(;.*)?'))
    AND instant(f[3]) BETWEEN TIMESTAMPTZ '2000-01-01T00:00:00Z' AND publish_time + INTERVAL 300 SECOND
    AND keys_once(data)
    AND CASE
        WHEN event_type LIKE 'order.%' THEN an_id(data, '$.orderId') AND maybe(data, '$.status', 'VARCHAR')
            AND CASE event_type WHEN 'order.completed'
                THEN maybe(data, '$.completedAt', 'VARCHAR') AND (json_type(data, '$.completedAt') IS NULL
                    OR (one_time(data ->> '$.completedAt') AND instant(data ->> '$.completedAt') BETWEEN TIMESTAMPTZ '2000-01-01T00:00:00Z' AND publish_time + INTERVAL 300 SECOND))
                ELSE currency_or_none(data, '$.currency') AND money_or_none(data, '$.totalAmount')
                    AND maybe(data, '$.items', 'ARRAY') AND (event_type = 'order.updated' OR (typed(data, '$.items', 'ARRAY') AND an_id(data, '$.customerId')))
                    AND coalesce(list_bool_and(list_transform(json_extract(data, '$.items[*]'), lambda i:
                        json_type(i) = 'OBJECT' AND an_id(i, '$.sku') AND a_quantity(i, '$.quantity') AND money_or_none(i, '$.unitPrice') AND keys_once(i))), true)
                END
        WHEN event_type LIKE 'customer.%' THEN an_id(data, '$.customerId') AND maybe(data, '$.name', 'VARCHAR') AND maybe(data, '$.email', 'VARCHAR')
            AND maybe(data, '$.phone', 'VARCHAR') AND maybe(data, '$.country', 'VARCHAR') AND maybe(data, '$.type', 'VARCHAR') AND maybe(data, '$.status', 'VARCHAR')
        WHEN event_type LIKE 'inventory.%' THEN an_id(data, '$.sku') AND a_quantity(data, '$.quantity') AND id_or_none(data, '$.orderId')
            AND id_or_none(data, '$.reservationId') AND id_or_none(data, '$.warehouseId')
        WHEN event_type LIKE 'payment.%' THEN an_id(data, '$.paymentId') AND an_id(data, '$.orderId') AND json_type(data, '$.amount') IS NOT NULL
            AND money_or_none(data, '$.amount') AND typed(data, '$.currency', 'VARCHAR') AND currency_or_none(data, '$.currency')
            AND (event_type = 'payment.processed' OR maybe(data, '$.reason', 'VARCHAR'))
        ELSE an_id(data, '$.deviceId') AND an_id(data, '$.metric') AND coalesce(json_type(data, '$.value'), '') IN ('DOUBLE', 'UBIGINT', 'BIGINT') AND maybe(data, '$.unit', 'VARCHAR')
        END
QUALIFY row_number() OVER (PARTITION BY lower(f[1]) ORDER BY publish_time, message_id) = 1;

CREATE VIEW events AS
SELECT event_id, event_type, event_time, source, topic, entity_id, correlation_id, causation_id, CAST(data AS VARCHAR) AS data,
    CASE WHEN unknown <> [] THEN
        '{' || array_to_string(list_transform(list_sort(unknown), lambda k: to_json(k) || ':' || json_extract(doc, '$."' || k || '"')), ',') || '}'
    END AS extensions,
    list_filter([
        CASE WHEN bom THEN 'BOM_REMOVED' END,
        CASE WHEN cut_time(time_text) OR cut_time(data ->> '$.completedAt') THEN 'TIME_TRUNCATED' END,
        CASE WHEN unknown <> [] OR len(list_filter(json_keys(data), lambda k: NOT list_contains(known, k))) > 0 THEN 'UNKNOWN_FIELD' END,
        CASE WHEN regexp_matches(concat(data ->> '$.name', data ->> '$.reason', data ->> '$.unit', data ->> '$.status', data ->> '$.email',
            data ->> '$.phone', data ->> '$.country', data ->> '$.type'), '[\x00-\x1f\x7f-\x{9f}]') THEN 'CONTROL_CHARS' END
    ], lambda note: note IS NOT NULL) AS notes,
    message_id, publish_time, to_timestamp(0) AS ingest_time,
    CASE WHEN event_type LIKE 'payment.%' THEN CAST(data ->> '$.amount' AS DECIMAL(38,9)) WHEN event_type = 'order.created' THEN CAST(data ->> '$.totalAmount' AS DECIMAL(38,9)) END AS amount,
    'bench' AS run_id
FROM event;

CREATE VIEW order_events AS
SELECT event_id, event_type, event_time, publish_time, message_id, correlation_id, 'bench' AS run_id, data ->> '$.orderId' AS order_id, CASE WHEN event_type = 'order.created' THEN data ->> '$.customerId' END AS customer_id,
        CASE WHEN event_type = 'order.completed' THEN [] ELSE coalesce(list_transform(json_extract(data, '$.items[*]'), lambda i: {'sku': i ->> '$.sku', 'quantity': CAST(i ->> '$.quantity' AS BIGINT), 'unit_price': CAST(i ->> '$.unitPrice' AS DECIMAL(38,9))}), []) END AS items,
        CASE WHEN event_type <> 'order.completed' THEN json_type(data, '$.items') IS NOT NULL END AS has_items,
        data ->> '$.currency' AS currency, CAST(data ->> '$.totalAmount' AS DECIMAL(38,9)) AS total_amount, data ->> '$.status' AS status,
        instant(data ->> '$.completedAt') AS completed_at FROM event WHERE event_type LIKE 'order.%';

CREATE VIEW customer_events AS
SELECT event_id, event_type, event_time, publish_time, message_id, correlation_id, 'bench' AS run_id, data ->> '$.customerId' AS customer_id, NULL::VARCHAR AS name_hmac, NULL::VARCHAR AS email_hmac,
        NULL::VARCHAR AS phone_hmac, data ->> '$.country' AS country, data ->> '$.type' AS type, data ->> '$.status' AS status
        FROM event WHERE event_type LIKE 'customer.%';

CREATE VIEW inventory_events AS
SELECT event_id, event_type, event_time, publish_time, message_id, correlation_id, 'bench' AS run_id, data ->> '$.sku' AS sku, CAST(data ->> '$.quantity' AS BIGINT) AS quantity, data ->> '$.orderId' AS order_id,
        data ->> '$.reservationId' AS reservation_id, data ->> '$.warehouseId' AS warehouse_id FROM event WHERE event_type LIKE 'inventory.%';

CREATE VIEW payment_events AS
SELECT event_id, event_type, event_time, publish_time, message_id, correlation_id, 'bench' AS run_id, data ->> '$.paymentId' AS payment_id, data ->> '$.orderId' AS order_id, CAST(data ->> '$.amount' AS DECIMAL(38,9)) AS amount,
        data ->> '$.currency' AS currency, data ->> '$.reason' AS reason FROM event WHERE event_type LIKE 'payment.%';

CREATE VIEW iot_telemetry AS
SELECT event_id, event_type, event_time, publish_time, message_id, correlation_id, 'bench' AS run_id, data ->> '$.deviceId' AS device_id, data ->> '$.metric' AS metric, CAST(data ->> '$.value' AS DOUBLE) AS value,
        data ->> '$.unit' AS unit FROM event WHERE event_type = 'iot.telemetry';
