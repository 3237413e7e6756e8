'use strict';
// A client of Trunkline's API in one file, without dependencies: copy it to where it is needed. Node 18 or later.
//
//   const { Trunkline } = require('./trunkline-client');
//   const client = new Trunkline({ apiKey: 'trunkline_live_…', baseUrl: 'https://edge.example.com' });
//   const numbers = await client.telephony.numbers.search({ areaCode: '415', capabilities: ['voice', 'sms'] });
//   const trunk = await client.trunks.create({ name: 'My trunk', provider: 'elevenlabs', credentials: { … } });
//   const phone = await client.phoneNumbers.import({ phoneNumber: '+12125551234', trunkId: trunk.id });
//   await client.phoneNumbers.provision(phone.id);
//   const calls = await client.calls.list({ phoneNumber: '+12125551234', startDate: '2024-01-15' });
//
// Fields are those of the API's documents, in camelCase on every surface; so are those of the answers. Lists are arrays,
// with the rest of their answer in `.envelope`.

// Fields whose own keys are the caller's, and are left as they are.
const FREE = new Set(['metadata', 'dispatchMetadataTemplate', 'address', 'settings', 'headers', 'changes']);
const USUAL = { list: 'GET', create: 'POST', get: 'GET /{}', update: 'PATCH /{}', delete: 'DELETE /{}' };

// A request that was refused.
class TrunklineError extends Error {
  constructor(status, body, headers) {
    const said = body && typeof body === 'object' ? body : {};
    const error = said.error && typeof said.error === 'object' ? said.error : {};
    const code = error.code || said.code || '';
    const sentence = error.message || said.message || said.error || String(body || '');
    const request = headers['x-request-id'];
    super(`${status} ${code}: ${sentence} (request ${request})`);
    Object.assign(this, { name: 'TrunklineError', status, code, headers, requestId: request });
    this.details = error.details || said.details || {};
  }
}

const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const renamed = (value, rename) => {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename));
  if (!value || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [rename(key), FREE.has(camel(key)) ? each : renamed(each, rename)]),
  );
};

// A list is what was asked for; what is around it says which part of it this is.
const shown = (answer) => {
  const name = ['data', 'numbers'].find((each) => answer && Array.isArray(answer[each]));
  if (!name) return answer;
  const { [name]: list, ...envelope } = answer;
  return Object.defineProperty(list, 'envelope', { value: envelope });
};

class Trunkline {
  constructor({ apiKey, baseUrl = 'http://127.0.0.1:8080', organizationId, timeout = 60000 }) {
    this.headers = { Authorization: `Bearer ${apiKey}` };
    if (organizationId) this.headers['X-Organization-Id'] = organizationId;
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.timeout = timeout;
    const all = 'list create get update delete';
    this.trunks = this.resource('/v1/sip/trunks', all, {
      provision: 'POST /{}/provision',
      reprovisionAll: 'POST /{}/reprovision-all',
    });
    this.phoneNumbers = this.resource('/v1/phone-numbers', 'list get update delete', {
      import: 'POST /import',
      bulkImport: 'POST /bulk-import',
      provision: 'POST /{}/provision',
      verifyVoip: 'POST /{}/verify-voip',
    });
    this.agents = this.resource('/v1/agents', all);
    this.calls = this.resource('/v1/calls', 'list create get', {
      hangup: 'POST /{}/hangup',
      transfer: 'POST /{}/transfer',
    });
    this.webhooks = this.resource('/v1/webhooks', all);
    this.voipConnections = this.resource('/v1/voip-connections', all, {
      test: 'POST /test',
      suggestName: 'POST /suggest-name',
      availableNumbers: 'GET /{}/available-numbers',
      importNumbers: 'POST /{}/import-numbers',
    });
    const telephony = '/api/v1/telephony';
    this.telephony = {
      numbers: this.resource(`${telephony}/numbers`, 'list get', {
        search: 'GET /search',
        pricing: 'GET /pricing',
        provision: 'POST',
        assign: 'POST /{}/assign/{}',
        unassign: 'POST /{}/unassign',
        release: 'DELETE /{}',
        stats: 'GET /{}/stats',
      }),
      sipTrunks: this.resource(`${telephony}/sip-trunks`, all, { test: 'POST /{}/test' }),
    };
  }

  // Any request of the API, as its documents write it.
  async request(method, path, query, body) {
    const headers = { ...this.headers };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    const asked = query && Object.keys(query).length ? `?${new URLSearchParams(query)}` : '';
    const answer = await fetch(this.baseUrl + path + asked, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(this.timeout),
    });
    const text = await answer.text();
    let found = text || null;
    try {
      found = text ? JSON.parse(text) : null;
    } catch {
      // A proxy's page is no JSON.
    }
    if (!answer.ok) throw new TrunklineError(answer.status, found, Object.fromEntries(answer.headers));
    return found;
  }

  // A resource's operations, each a method: what stands in its path first, then an object of its fields.
  resource(base, usual, others = {}) {
    const operations = { ...Object.fromEntries(usual.split(' ').map((name) => [name, USUAL[name]])), ...others };
    // The telephony surface is camelCase on the wire as well.
    const wire = base.startsWith('/api/v1/telephony') ? (name) => name : snake;
    const made = {};
    for (const [name, what] of Object.entries(operations)) {
      const [method, path = ''] = what.split(' ');
      made[name] = async (...given) => {
        const fields = given.length && typeof given[given.length - 1] === 'object' ? given.pop() : {};
        const where = path.replace(/\{\}/g, () => {
          if (!given.length) throw new TypeError(`${name}() needs what stands in ${path}`);
          return encodeURIComponent(given.shift());
        });
        const sent = renamed(fields, wire);
        const bare = method === 'GET' || method === 'DELETE';
        const answer = await this.request(method, base + where, bare ? sent : undefined, bare ? undefined : sent);
        return shown(renamed(answer, camel));
      };
    }
    return made;
  }
}

module.exports = Trunkline;
Object.assign(module.exports, { Trunkline, TrunklineError });
