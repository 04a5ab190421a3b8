import { IgnoreMode } from 'aws-cdk-lib';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import { Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZeroKeeperConstructError } from './errors.js';

const DOCKERFILE = 'cdk/gateway/Dockerfile';

/** The repository, from the sources and from the compiled sources. */
const ROOTS = ['../..', '../../..'].map((place) => join(import.meta.dirname, place));

/**
 * The image of the repository's Dockerfile. A synthesis copies what it is made of; it is built when the stack is deployed, which takes
 * Docker. Throws {@link ZeroKeeperConstructError} `ImageMissing` where the sources are not, as in the package.
 */
export function gatewayImage(roots: readonly string[] = ROOTS): ContainerImage {
  const root = roots.find((place) => existsSync(join(place, DOCKERFILE)));
  if (root === undefined) {
    throw new ZeroKeeperConstructError(
      'ImageMissing',
      `there is no ${DOCKERFILE} to build a gateway's image of: give the image`,
    );
  }
  // The CDK knows no other name than .dockerignore.
  const exclude = readFileSync(join(root, `${DOCKERFILE}.dockerignore`), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return ContainerImage.fromAsset(root, {
    file: DOCKERFILE,
    exclude: [...exclude, `!${DOCKERFILE}`],
    ignoreMode: IgnoreMode.DOCKER,
    platform: Platform.LINUX_ARM64,
  });
}
