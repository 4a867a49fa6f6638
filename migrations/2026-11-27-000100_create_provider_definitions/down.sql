DROP TABLE provider_definitions;
