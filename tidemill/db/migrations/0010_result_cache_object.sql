-- Collecting large values asks for each whether a cached result names it.
create index result_cache_result_object on result_cache (result_object) where result_object is not null;
