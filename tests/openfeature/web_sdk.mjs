// Evaluates a flag twice with the web SDK and its OFREP provider: argv are router, flag, user.
import { OFREPWebProvider } from '@openfeature/ofrep-web-provider';
import { OpenFeature } from '@openfeature/web-sdk';

const [url, flag, user] = process.argv.slice(2);
const answers = [];
const provider = new OFREPWebProvider({
  baseUrl: url,
  cacheMode: 'disabled',
  disableVisibilityRefresh: true,
  timeoutMs: 5000,
  fetchImplementation: async (request, options) => {
    const response = await fetch(request, options);
    answers.push({ status: response.status, etag: response.headers.get('ETag') });
    return response;
  },
});
const failure = await OpenFeature.setProviderAndWait(provider, { targetingKey: user, device: 'mobile' }).then(
  () => null,
  (error) => error.message,
);
const client = OpenFeature.getClient();
const details = client.getStringDetails(flag, 'the default');
const unknown = client.getStringDetails('no_such_flag', 'the default');
// The same context again: the router says that nothing has changed.
await OpenFeature.setContext({ targetingKey: user, device: 'mobile' }).catch(() => {});
const again = client.getStringDetails(flag, 'the default');
console.log(JSON.stringify({ failure, answers, details, unknown, again }));
await OpenFeature.close();
