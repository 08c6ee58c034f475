-- How a large value is cut into blocks, and where its parts lie in it (MessagePack, `db/value_parts.py`): null for none.
alter table instance_object add column parts bytea;
