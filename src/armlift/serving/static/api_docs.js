// Starts Swagger UI. The schema is not sent to any validator elsewhere.
const operations = document.getElementById("operations");
SwaggerUIBundle({
  url: operations.dataset.schema,
  domNode: operations,
  deepLinking: true,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
});
