-- name: find
-- One setting of the instance.
select value from instance_setting where name = :name;

-- name: all_of
-- All settings that were made.
select name, value from instance_setting order by name;

-- name: put
-- Make a setting.
insert into instance_setting (name, value) values (:name, :value)
on conflict (name) do update set value = excluded.value, edited_at = now();

-- name: remove
-- Go back to the default.
delete from instance_setting where name = :name;
