-- Jobs of their own that are to be erased some time after they have ended, and have not been.
create index job_to_erase_alone on job (id)
where root_job is null and (options ->> 'delete_after_use') = 'true' and (options ->> 'deleted') is null;
