// Who wrote a file: name and version, as they stand in recordings and run manifests.
import packageJson from '../../package.json' with { type: 'json' };

export const SOFTWARE = `${packageJson.name} ${packageJson.version}`;
